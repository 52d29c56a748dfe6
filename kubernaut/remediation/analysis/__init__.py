"""(public face: see the package's modules)"""
