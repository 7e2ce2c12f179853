"""Uses a server as a music player does, through py-opensonic, and prints what it was told as one JSON object."""
import asyncio
import json
import sys

from libopensonic import AsyncConnection

url, port, login = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])


async def listen():
    server = AsyncConnection(url, port=port, **login)
    try:
        assert await server.ping()
        artists = [artist for letter in (await server.get_artists()).index for artist in letter.artist]
        albums = await server.get_album_list2('alphabeticalByName', size=50)
        found = await server.search3('fur elise')
        song = await server.get_song(found.song[0].id)
        album = await server.get_album(song.album_id)
        streamed = await (await server.stream(song.id)).read()
        downloaded = await (await server.download(song.id)).read()
        cover = await (await server.get_cover_art(song.cover_art)).read()
        small = await (await server.get_cover_art(song.cover_art, 100)).read()
        assert await server.scrobble(song.id)
        with open(sys.argv[4], 'wb') as file:
            file.write(streamed)
        print(json.dumps({
            'extensions': [extension.name for extension in await server.get_open_subsonic_extensions()],
            'artists': [artist.name for artist in artists],
            'albums': [album.name for album in albums],
            'songs': [song.title for song in found.song],
            'album': [song.title for song in album.song],
            'suffix': song.suffix, 'size': song.size,
            'same': streamed == downloaded, 'cover': len(cover), 'small': len(small),
        }))
    finally:
        await server.cleanup()

asyncio.run(listen())
