//! The data plane: a reverse proxy that carries out what `policy` decides.
