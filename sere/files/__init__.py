"""Files: paths that are fixed once, folders walked once, results that appear whole, content that was not fetched."""
