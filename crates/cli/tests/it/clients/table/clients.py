"""Lets each of other people's clients fetch each variant of a torrent, once from a peer alone and once from a web seed alone.

Arguments: the hybrid's file, the twin's, the folder of the blobs, the seeder's address, WebTorrent's node_modules, and
where the scripts of the clients lie. Prints a line of JSON a cell: client, version, variant, way, whether all files came
and are the blobs, and if not, by which sign that was seen.
"""
import concurrent.futures
import filecmp
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import libtorrent as lt

HYBRID, TWIN, BLOBS, SEEDER, MODULES, SCRIPTS = sys.argv[1:]
LIMIT = 120  # Seconds until a client that gives no sign is called too slow, which fails the test.
SEEDER_IP, SEEDER_PORT = SEEDER.rsplit(':', 1)
WORK = tempfile.TemporaryDirectory()
asked = {}  # Cell by its path at the tracker: the info-hashes that were announced.


class Tracker(http.server.BaseHTTPRequestHandler):
    """Names the seeder alone, since some clients know one peer an address and would take each other for it; and nobody
    to those that are to use the web seed."""

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = urllib.parse.parse_qs(url.query, encoding='latin-1')
        asked.setdefault(url.path.rsplit('/', 1)[0], set()).add(query.get('info_hash', [''])[0].encode('latin-1'))
        peers = socket.inet_aton(SEEDER_IP) + int(SEEDER_PORT).to_bytes(2, 'big')
        if 'web-seed' in url.path:
            peers = b''
        body = lt.bencode({b'interval': 600, b'complete': 1, b'incomplete': 0, b'peers': peers})
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def real_files(tree, path=()):
    for name, node in tree.items():
        if b'' in node:
            yield path + (name.decode(),), node[b''][b'pieces root'].hex(), node[b''][b'length']
        else:
            yield from real_files(node, path + (name.decode(),))


def free_port():
    with socket.socket() as probe:
        probe.bind(('', 0))
        return probe.getsockname()[1]


class Cell:
    def __init__(self, client, variant, way):
        self.client, self.variant, self.way = client, variant, way
        self.name = f'{client.__name__}-{variant}-{way}'.replace(' ', '-')
        self.folder = os.path.join(WORK.name, self.name)
        self.into = os.path.join(self.folder, 'out')
        os.makedirs(self.into)
        with open(HYBRID if variant == 'hybrid' else TWIN, 'rb') as file:
            torrent = lt.bdecode(file.read())
        torrent.pop(b'announce-list', None)
        if way == 'peer':
            torrent.pop(b'url-list')
        torrent[b'announce'] = f'http://{SEEDER_IP}:{tracker.server_port}/{self.name}/announce'.encode()
        self.torrent = os.path.join(self.folder, 'r.torrent')
        with open(self.torrent, 'wb') as file:
            file.write(lt.bencode(torrent))
        info = lt.torrent_info(self.torrent).info_hashes()
        self.known = {bytes.fromhex(str(info.v1)), bytes.fromhex(str(info.v2))[:20]}

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), 'w') as file:
            file.write(text)
        return self.path(name)

    def whole(self):
        """Whether every file is there with the bytes of its blob."""
        for path, root, size in FILES:
            got = os.path.join(self.into, NAME, *path)
            if not os.path.exists(got) or os.path.getsize(got) != size:
                return False
            if not filecmp.cmp(got, os.path.join(BLOBS, root[:2], root[2:4], root), shallow=False):
                return False
        return True

    def asks_for_another(self):
        """It announced an info-hash that the torrent does not have."""
        return self.way == 'peer' and bool(asked.get('/' + self.name, set()) - self.known)

    def run(self, command, refusal=None, environment=None):
        """Until all is there, or the client gives a sign that it will not be: what it prints, that it ends, or an
        info-hash of its own."""
        log = open(self.path('log'), 'w+', errors='replace')
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                 env={**os.environ, 'HOME': self.folder, 'TERM': 'xterm', **(environment or {})})
        deadline = time.time() + LIMIT
        sign = 'too slow'
        try:
            while time.time() < deadline:
                ended = child.poll() is not None
                if self.whole():
                    return None
                with open(self.path('log'), errors='replace') as said:
                    refused = refusal and re.search(refusal[0], said.read())
                if refused:
                    sign = refusal[1]
                elif self.asks_for_another():
                    sign = 'computes another info-hash'
                elif ended:
                    sign = f'ends with {child.returncode}'
                else:
                    time.sleep(0.2)
                    continue
                return sign
            with open(self.path('log'), errors='replace') as said:
                print(self.name, said.read()[-2000:], file=sys.stderr)
            return sign
        finally:
            child.kill()
            child.wait()
            log.close()


def version(*command):
    said = subprocess.run(command, capture_output=True, text=True)
    return re.search(r'\d+\.\d+(\.\d+)*', said.stdout + said.stderr).group(0)


def qbittorrent(cell):
    port = free_port()
    cell.write('qBittorrent/config/qBittorrent.conf', f'''[LegalNotice]
Accepted=true
[BitTorrent]
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\Port={free_port()}
Session\\DefaultSavePath={cell.into}
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\\Port={port}
WebUI\\Address=127.0.0.1
''')
    return cell.run(['qbittorrent-nox', f'--profile={cell.folder}', f'--save-path={cell.into}', '--skip-dialog=true',
                     cell.torrent])


def libtorrent(cell):
    return cell.run(['/usr/bin/python3', '-c', '''
import sys, time
import libtorrent as lt
session = lt.session({'listen_interfaces': '0.0.0.0:0', 'enable_dht': False, 'enable_lsd': False,
                      'enable_upnp': False, 'enable_natpmp': False})
asked = lt.add_torrent_params()
asked.ti = lt.torrent_info(sys.argv[1])
asked.save_path = sys.argv[2]
handle = session.add_torrent(asked)
while True:
    time.sleep(0.1)
''', cell.torrent, cell.into])


def transmission(cell):
    cell.write('settings/settings.json', '{"dht-enabled": false, "lpd-enabled": false, "pex-enabled": false, '
               '"utp-enabled": false, "port-forwarding-enabled": false}')
    return cell.run(['transmission-cli', '-M', '-p', str(free_port()), '-g', cell.path('settings'), '-w', cell.into,
                     cell.torrent], ('Failed opening torrent file', 'cannot read it'))


def aria2(cell):
    return cell.run(['aria2c', '--no-conf', '--seed-time=10', '--enable-dht=false', '--enable-dht6=false',
                     '--bt-enable-lpd=false', '--enable-peer-exchange=false', '--file-allocation=none',
                     '--summary-interval=0', f'--listen-port={free_port()}', '--dir', cell.into, cell.torrent])


def rtorrent(cell):
    session = cell.path('session')
    os.makedirs(session)
    rc = cell.write('rtorrent.rc', f'''directory.default.set = {cell.into}
session.path.set = {session}
network.port_range.set = {free_port()}-65000
dht.mode.set = disable
protocol.pex.set = no
trackers.use_udp.set = no
system.daemon.set = true
schedule2 = begin, 0, 0, ((load.start, {cell.torrent}))
''')
    command = ['rtorrent', '-n', '-o', f'import={rc}']
    if cell.way == 'web seed':
        return without_peers(cell, command)
    return cell.run(command)


def webtorrent(cell, *options):
    # It begins with a handshake for encryption, and drops the peer that does not answer in kind; its log says so.
    return cell.run(['node', os.path.join(SCRIPTS, 'webtorrent.mjs'), MODULES, cell.torrent, cell.into, *options],
                    (r'closed: will re-add to queue in \d+ms \(attempt 2\)', 'wants encryption'),
                    {'DEBUG': 'webtorrent:torrent'})


def webtorrent_in_the_clear(cell):
    return webtorrent(cell, 'in the clear')


def without_peers(cell, command):
    """For a client that is not expected to use web seeds: some seconds in which the tracker has told it of no peer."""
    log = open(cell.path('log'), 'w')
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=cell.folder,
                             env={**os.environ, 'HOME': cell.folder, 'TERM': 'xterm'})
    try:
        deadline = time.time() + LIMIT
        while '/' + cell.name not in asked:
            if child.poll() is not None or time.time() > deadline:
                return 'too slow'
            time.sleep(0.2)
        deadline = time.time() + 5
        while time.time() < deadline:
            if cell.whole():
                return None
            time.sleep(0.2)
        return 'asks no web seed'
    finally:
        child.kill()
        child.wait()
        log.close()


def webtorrent_version():
    with open(os.path.join(MODULES, 'webtorrent/package.json')) as package:
        return json.load(package)['version']


CLIENTS = {
    qbittorrent: ('qBittorrent', lambda: version('qbittorrent-nox', '--version')),
    libtorrent: ('libtorrent', lambda: lt.__version__),
    transmission: ('Transmission', lambda: version('transmission-cli', '--version')),
    aria2: ('aria2', lambda: version('aria2c', '--version')),
    rtorrent: ('rTorrent', lambda: version('rtorrent', '-h')),
    webtorrent: ('WebTorrent', webtorrent_version),
    webtorrent_in_the_clear: ('WebTorrent with `secure: false`', webtorrent_version),
}

with open(HYBRID, 'rb') as file:
    INFO = lt.bdecode(file.read())[b'info']
NAME, FILES = INFO[b'name'].decode(), list(real_files(INFO[b'file tree']))
tracker = http.server.ThreadingHTTPServer((SEEDER_IP, 0), Tracker)
threading.Thread(target=tracker.serve_forever, daemon=True).start()
lock = threading.Lock()


def one(client, variant, way):
    start = time.time()
    sign = client(Cell(client, variant, way))
    name, number = CLIENTS[client]
    with lock:
        print(json.dumps({'client': name, 'place': list(CLIENTS).index(client), 'version': number(), 'variant': variant, 'way': way, 'fetches': sign is None,
                          'sign': sign, 'seconds': round(time.time() - start, 1)}), flush=True)


cells = [(client, variant, way) for client in CLIENTS for variant in ('hybrid', 'v1') for way in ('peer', 'web seed')]
with concurrent.futures.ThreadPoolExecutor(6) as pool:
    for done in [pool.submit(one, *cell) for cell in cells]:
        done.result()
