"""The report of a run: a page for people, JUnit and JSON for pipelines."""
