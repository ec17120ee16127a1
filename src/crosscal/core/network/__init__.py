"""Networks on crossbars: the files, numbers and protocol that training and the simulated bench share."""
