-- Queries that `fonoteca sql` and DuckDB must answer alike on the sample: one a statement, ties settled by the order.

-- 1. Everything, in order, nulls included.
SELECT id, title, isrc, mbid, disc, number, duration_ms, explicit FROM tracks ORDER BY id;

-- 2. Nulls counted, replaced, compared and sorted.
SELECT count(*) AS n, count(isrc) AS with_isrc, count(DISTINCT artist_credit) AS credits,
    sum(CASE WHEN isrc IS NULL THEN 1 ELSE 0 END) AS without FROM tracks;

-- 3.
SELECT coalesce(isrc, '-') AS code, title FROM tracks WHERE mbid IS NOT DISTINCT FROM NULL ORDER BY isrc NULLS FIRST, id;

-- 4. An inner join with a condition of its own.
SELECT t.title AS track, a.title AS album FROM tracks t JOIN albums a ON a.id = t.album_id AND t.disc IS NOT NULL
ORDER BY a.title, t.disc, t.number, t.id;

-- 5. What has no partner.
SELECT r.name AS name FROM artists r LEFT JOIN tracks t ON t.artist_credit = r.name WHERE t.id IS NULL ORDER BY r.id;

-- 6. Four tables.
SELECT f.container AS container, t.title AS title, b.size AS size FROM holdings h
JOIN files f ON f.root = h.root JOIN tracks t ON t.id = h.track_id JOIN blobs b ON b.root = h.root
ORDER BY b.size DESC, t.id LIMIT 7;

-- 7. Groups.
SELECT container, codec, count(*) AS n, min(size) AS least, max(size) AS most, avg(duration_ms) AS mean FROM files
GROUP BY container, codec ORDER BY n DESC, container, codec;

-- 8. Groups with a condition, and an aggregate that filters.
SELECT album_id, count(*) AS n, count(*) FILTER (WHERE duration_ms > 30000) AS long FROM tracks
GROUP BY album_id HAVING count(*) > 1 ORDER BY album_id NULLS LAST;

-- 9. Grouping sets.
SELECT kind, mime, sum(size) AS bytes FROM blobs GROUP BY ROLLUP (kind, mime)
ORDER BY kind NULLS LAST, mime NULLS LAST;

-- 10. Numbers within a partition.
SELECT title, row_number() OVER (PARTITION BY album_id ORDER BY disc, number, id) AS place,
    rank() OVER (ORDER BY duration_ms DESC) AS longest FROM tracks ORDER BY id;

-- 11. Running sums and neighbours.
SELECT id, sum(duration_ms) OVER (ORDER BY id) AS so_far, lag(title) OVER (ORDER BY id) AS before,
    avg(duration_ms) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS around FROM tracks ORDER BY id;

-- 12. Lists of structs, a row an element.
SELECT credit['role'] AS role, count(*) AS n, count(DISTINCT credit['artist_id']) AS artists
FROM (SELECT unnest(artists) AS credit FROM tracks) AS credits GROUP BY 1 ORDER BY n DESC, role;

-- 13. Lists by their length, and their elements joined.
SELECT t.id AS id, array_length(t.artists) AS credits, string_agg(c.name, '; ' ORDER BY c.name) AS names
FROM tracks t JOIN (SELECT credits.id AS id, n.name AS name
    FROM (SELECT id, unnest(artists) AS a FROM tracks) AS credits JOIN artists n ON n.id = credits.a['artist_id']) AS c ON c.id = t.id
GROUP BY t.id, array_length(t.artists) ORDER BY t.id;

-- 14. Patterns.
SELECT title FROM tracks WHERE title LIKE '%a_r%' OR title ILIKE 'frère%' OR title NOT LIKE '% %' ORDER BY id;

-- 15. Regular expressions.
SELECT regexp_replace(lower(title), '[aeiou]+', '*', 'g') AS consonants, regexp_replace(isrc, '^(..)(...).*$', '\1-\2')
AS country FROM tracks WHERE isrc IS NOT NULL ORDER BY isrc, id;

-- 16. Dates of any precision: the year, and a day in it.
SELECT substr(date, 1, 4) AS year, date_part('doy', cast(substr(date, 1, 4) || '-03-01' AS date)) AS day,
    cast(cast(substr(date, 1, 4) || '-01-31' AS date) + INTERVAL '1 month' AS date) AS later, count(*) AS n
FROM albums WHERE date IS NOT NULL GROUP BY date ORDER BY year, n, later, day, min(id);

-- 17. The latest row of each.
SELECT recording_id, "count", popularity FROM (
    SELECT *, row_number() OVER (PARTITION BY recording_id ORDER BY as_of DESC, "count" DESC) AS age FROM listens)
WHERE age = 1 ORDER BY "count" DESC, recording_id;

-- 18. Common tables, a subquery that depends on its row, and what exists.
WITH latest AS (SELECT recording_id, max("count") AS listens FROM listens GROUP BY recording_id)
SELECT t.title AS title, l.listens AS listens FROM tracks t JOIN latest l ON l.recording_id = t.id
WHERE l.listens > (SELECT avg(listens) FROM latest) AND EXISTS (SELECT 1 FROM holdings h WHERE h.track_id = t.id)
ORDER BY l.listens DESC, t.id;

-- 19. Sets of rows.
SELECT artist_credit AS name, 'track' AS place FROM tracks WHERE duration_ms < 32000
UNION SELECT artist_credit, 'album' FROM albums WHERE kind IS NULL
EXCEPT SELECT name, 'album' FROM artists WHERE name LIKE 'C%' ORDER BY name, place;

-- 20. Arithmetic, also on what is not whole.
SELECT root, round(ln(size + 1), 6) AS magnitude, size % 1000 AS rest, cast(size AS double) / 1024 AS kib, power(2, 10) AS k,
    greatest(size, 300000) AS most, abs(coalesce(loudness_lufs, 0)) < 100 AS sane FROM files ORDER BY root;
