"""The baseline of a running dashboard, Tollgate or another, captured over HTTP."""
