// Downloads a torrent with WebTorrent; ends with 0 when all of it is there.
import { pathToFileURL } from 'node:url'
const [modules, torrent, into, inTheClear] = process.argv.slice(2)
const { default: WebTorrent } = await import(pathToFileURL(`${modules}/webtorrent/index.js`))
const quiet = { dht: false, lsd: false, utPex: false, natUpnp: false, natPmp: false, utp: false }
const client = new WebTorrent(inTheClear ? { ...quiet, secure: false } : quiet)
const fail = error => { console.error(String(error)); process.exit(1) }
client.on('error', fail)
client.add(torrent, { path: into }, t => {
  t.on('error', fail)
  t.on('warning', w => console.error('warning', String(w)))
  t.on('done', () => process.exit(0))
  if (t.done) process.exit(0)
})
