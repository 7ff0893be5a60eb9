"""Makes docs/api.html and docs/mymonit.postman_collection.json from the API's description: `python -m apidocs`."""
