//! A witness cosigns, keeps a copy, and catches whoever rewrites history.
