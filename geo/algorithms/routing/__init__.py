"""From a patrol problem to routes: encode, improve, balance, decode, check."""
