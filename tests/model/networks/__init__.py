"""Networks as users bring them: each module holds those that succeed or fail for a common reason."""
