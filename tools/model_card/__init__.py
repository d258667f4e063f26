"""The card of the default model: its scores, and the text that is made of them."""
