"""Downloads a torrent with libtorrent from the peers that its tracker names, and from no web seed."""
import sys
import time

import libtorrent as lt

torrent, folder = sys.argv[1], sys.argv[2]
session = lt.session({
    'listen_interfaces': '127.0.0.1:0', 'enable_dht': False, 'enable_lsd': False, 'enable_upnp': False,
    'enable_natpmp': False, 'allow_multiple_connections_per_ip': True,
})
asked = lt.add_torrent_params()
asked.ti = lt.torrent_info(torrent)
assert asked.ti.info_hashes().has_v1() and asked.ti.info_hashes().has_v2(), 'not a hybrid'
assert [seed['url'] for seed in asked.ti.web_seeds()], 'no web seed inside'
asked.ti.set_web_seeds([])
asked.save_path = folder
handle = session.add_torrent(asked)
deadline = time.time() + 100
while not handle.status().is_seeding:
    if time.time() > deadline:
        sys.exit('not finished: %s %s' % (handle.status().progress, handle.trackers()))
    time.sleep(0.05)
print('{"downloaded": %d, "failed": %d}' % (handle.status().total_payload_download, handle.status().total_failed_bytes))
