"""A scripted server and a client for it; every asyncio test here runs on virtual time."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent.parent))
