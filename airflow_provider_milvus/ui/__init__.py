"""The import view in Airflow's UI. It runs in the api-server alone."""
