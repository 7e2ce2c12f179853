"""Makes a folder a bag with the Library of Congress's bagit.

    make_bag.py FOLDER
"""
import sys

import bagit

bagit.make_bag(sys.argv[1], {"Source-Organization": "A library", "External-Identifier": "box 7"})
