"""Tests of the gate's own parts; what it measures is not a matter of the suite."""
