"""Users for staff: what each owns and uses; inviting, disabling, and handing over what they own."""
