"""The rows of the table: each module measures one or two, and answers a Section for each."""
