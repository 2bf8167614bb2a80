"""The subcommands of `tallystick`, one file for each group."""
