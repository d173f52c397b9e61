//! What the verifier accepts, held against outside vectors and a slow reference.
