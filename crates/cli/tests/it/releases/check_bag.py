"""Says what the Library of Congress's bagit says of a bag, and what its PREMIS document holds.

    check_bag.py BAG    one JSON object; the exit code is 1 where the bag is not valid
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

import bagit

folder = pathlib.Path(sys.argv[1])
bag = bagit.Bag(str(folder))
bag.validate()
premis = ElementTree.parse(folder / "metadata/premis.xml").getroot()


def count(name):
    return len(premis.findall(f"{{http://www.loc.gov/premis/v3}}{name}"))


kinds = [event.findtext("{http://www.loc.gov/premis/v3}eventType") for event in premis]
print(json.dumps({"payload": len(bag.payload_entries()), "objects": count("object"), "rights": count("rights"),
                  "events": kinds.count("ingestion")}))
