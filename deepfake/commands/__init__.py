"""The commands of `deepfake`, one file each; heavy imports wait until a command runs."""
