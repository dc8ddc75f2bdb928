"""The drill: real kills, failing disks and damage at every place where a run could lose something."""
