"""The steps before and after the model: what the export writes about them, and how it runs them."""
