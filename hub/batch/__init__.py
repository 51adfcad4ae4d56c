"""Stylise whole folders; reading, stylising and writing overlap, and an interrupted run can continue."""

from hub.batch.folder import Report as Report
from hub.batch.folder import run_folder as run_folder
