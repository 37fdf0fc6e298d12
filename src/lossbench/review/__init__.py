"""An experiment as MLflow shows it: losses at the top, their seeds below, saved views, and links to them."""
