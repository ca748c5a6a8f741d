"""Inner loops for several parts of the library: vector registers, products in them, and who runs them."""
