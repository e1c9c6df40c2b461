"""What to do about an import job: policy without Airflow and without HTTP. Clients and clocks are passed in."""
