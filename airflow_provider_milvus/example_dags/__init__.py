"""DAGs that Airflow shows with ``load_examples``; a clone has them in ``dags_examples/`` as well."""
