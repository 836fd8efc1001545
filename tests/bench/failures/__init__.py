"""How long the Failures page takes."""
