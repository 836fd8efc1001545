"""The pages of saved views: saving and opening them, their list, and the start page."""
