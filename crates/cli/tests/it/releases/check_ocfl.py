"""Says what ocfl-py says of a storage root and of each object in it.

    check_ocfl.py ROOT    one JSON object; the exit code is 1 where anything is not valid
"""
import json
import sys
import types

# Only for roots in S3, and heavy.
sys.modules["s3fs"] = types.SimpleNamespace(S3FileSystem=object)
import ocfl

root = ocfl.StorageRoot(root=sys.argv[1])
found = root.validate(validate_objects=True, check_digests=True, log_warnings=True)
print(json.dumps({"objects": root.num_objects, "good": root.good_objects}))
sys.exit(0 if found and root.num_objects == root.good_objects else 1)
