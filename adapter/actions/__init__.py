"""What the adapter does about facts: one file per verb."""
