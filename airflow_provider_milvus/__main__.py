"""``python -m airflow_provider_milvus``: the commands of ``airflow milvus`` on Airflow before 3.2."""

from airflow_provider_milvus.cli import main

if __name__ == "__main__":
    main()
