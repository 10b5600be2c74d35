//! Nothing is shared here: the whole flows and the house rules live in `tests/`, the measurements in `benches/`.
