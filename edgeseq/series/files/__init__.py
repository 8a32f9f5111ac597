"""Series from files: CSV, TSV and Parquet, read to columns of numbers and times."""
