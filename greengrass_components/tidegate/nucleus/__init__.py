"""The nucleus on this machine: recipes, lifecycle, configuration, IPC, the way to the cloud."""
