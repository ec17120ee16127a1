"""Networks on crossbars: map, evaluate, inspect, train, study."""
