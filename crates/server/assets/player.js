// The page works without this script, but for playing: it keeps the music going while one looks around.
"use strict";

const $ = (id) => document.getElementById(id);
const audio = $("audio"), main = $("main"), search = $("q"), seek = $("seek");
const page = new DOMParser();
let queue = [], at = -1, heard = 0, scrobbled = true, lastTime = 0;

// ---- playing ----

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds || 0));
  const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60, s = String(whole % 60).padStart(2, "0");
  return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

function say(text) { $("status").textContent = text; }

function rows() { return [...main.querySelectorAll(".track")]; }

function mark() {
  const id = queue[at]?.id;
  for (const row of rows()) {
    if (row.dataset.track === id) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

// The list that is looked at becomes the queue.
function playRow(row) {
  const list = rows();
  queue = list.map((r) => ({ id: r.dataset.track, title: r.dataset.title, artist: r.dataset.artist, cover: r.dataset.cover }));
  start(list.indexOf(row));
}

function start(index) {
  if (index < 0 || index >= queue.length) return;
  at = index;
  const track = queue[at];
  heard = lastTime = 0;
  scrobbled = false;
  audio.src = `/stream/${track.id}`;
  audio.play().catch(() => say(`${track.title} cannot be played.`));
  document.querySelector(".player").hidden = false;
  $("now-title").textContent = track.title;
  $("now-artist").textContent = track.artist;
  $("now-cover").src = track.cover;
  document.title = `${track.title} · ${track.artist}`;
  mark();
  report(track.id, false);
  if ("mediaSession" in navigator) {
    navigator.mediaSession.metadata = new MediaMetadata({ title: track.title, artist: track.artist, artwork: [{ src: track.cover }] });
  }
}

function toggle() {
  if (at < 0) { const first = rows()[0]; if (first) playRow(first); return; }
  if (audio.paused) audio.play().catch(() => say("This cannot be played.")); else audio.pause();
}

const next = () => start(at + 1);
// As players do: back to the beginning first, then to the one before.
const previous = () => { if (audio.currentTime > 3 || at <= 0) audio.currentTime = 0; else start(at - 1); };

function report(id, submission) {
  const body = new URLSearchParams({ submission });
  fetch(`/played/${id}`, { method: "POST", body, keepalive: true }).catch(() => {});
}

audio.addEventListener("play", () => { document.body.classList.add("playing"); $("toggle").setAttribute("aria-label", "Pause"); });
audio.addEventListener("pause", () => { document.body.classList.remove("playing"); $("toggle").setAttribute("aria-label", "Play"); });
audio.addEventListener("ended", next);
audio.addEventListener("error", () => { if (queue[at]) { say(`${queue[at].title} cannot be played.`); next(); } });
audio.addEventListener("durationchange", () => { seek.max = Math.floor(audio.duration) || 0; $("length").textContent = clock(audio.duration); });
audio.addEventListener("timeupdate", () => {
  const step = audio.currentTime - lastTime;
  if (step > 0 && step < 2) heard += step;
  lastTime = audio.currentTime;
  // Half of a track, or four minutes, is a play: the custom that Last.fm began.
  if (!scrobbled && heard >= Math.min(240, audio.duration / 2)) { scrobbled = true; report(queue[at].id, true); }
  if (document.activeElement !== seek || !seek.matches(":active")) seek.value = Math.floor(audio.currentTime);
  seek.setAttribute("aria-valuetext", `${clock(audio.currentTime)} of ${clock(audio.duration)}`);
  $("elapsed").textContent = clock(audio.currentTime);
});
seek.addEventListener("input", () => { audio.currentTime = Number(seek.value); });
$("toggle").addEventListener("click", toggle);
$("next").addEventListener("click", next);
$("previous").addEventListener("click", previous);
if ("mediaSession" in navigator) {
  navigator.mediaSession.setActionHandler("nexttrack", next);
  navigator.mediaSession.setActionHandler("previoustrack", previous);
}

// ---- looking around without stopping the music ----

let asked = 0;
async function show(url, push) {
  const turn = ++asked;
  let answer;
  try { answer = await fetch(url, { headers: { "X-Fragment": "1" } }); } catch { say("The server does not answer."); return; }
  if (answer.status === 401) { location.assign("/login"); return; }
  const text = await answer.text();
  if (turn !== asked) return; // A later question has been asked meanwhile.
  const parsed = page.parseFromString(text, "text/html");
  main.replaceChildren(...parsed.body.childNodes);
  if (push === "push") history.pushState(null, "", url);
  else if (push === "replace") history.replaceState(null, "", url);
  if (audio.paused) document.title = main.querySelector("h1")?.textContent ?? document.title;
  mark();
}

document.addEventListener("click", (event) => {
  const row = event.target.closest(".track");
  if (row) { playRow(row); return; }
  if (event.target.closest("#play-all")) { const first = rows()[0]; if (first) playRow(first); return; }
  const link = event.target.closest("a[data-nav]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    if (link.pathname !== "/search") search.value = "";
    show(link.href, "push").then(() => { main.focus({ preventScroll: true }); scrollTo(0, 0); });
  }
});
addEventListener("popstate", () => {
  search.value = new URLSearchParams(location.search).get("q") ?? "";
  show(location.href);
});

let typing;
function lookUp() {
  const words = search.value.trim();
  const url = words ? `/search?q=${encodeURIComponent(words)}` : "/";
  const typed = location.pathname === "/search";
  return show(url, typed || !words ? "replace" : "push").then(() => {
    const found = rows().length;
    if (words) say(found === 1 ? "1 track" : `${found} tracks`);
  });
}
search.addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(lookUp, 120); });
search.form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  lookUp().then(() => { const first = rows()[0]; if (first) { first.focus(); playRow(first); } });
});

// ---- keyboard ----

function step(by) {
  const list = [...main.querySelectorAll(".track, a[data-nav]")];
  if (!list.length) return;
  const here = list.indexOf(document.activeElement);
  list[Math.min(list.length - 1, Math.max(0, here < 0 ? (by > 0 ? 0 : list.length - 1) : here + by))].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const element = event.target;
  if (element === search) {
    if (event.key === "ArrowDown") { event.preventDefault(); step(1); }
    if (event.key === "Escape") { search.blur(); main.focus(); }
    return; // Everything else is text.
  }
  const ranged = element === seek;
  switch (event.key) {
    case "/": event.preventDefault(); search.focus(); search.select(); break;
    case " ": {
      // A focused button keeps its space, but a row of the list does not: there space pauses, Enter plays.
      if (element.closest("button") && !element.closest(".track")) return;
      event.preventDefault(); toggle(); break;
    }
    case "n": next(); break;
    case "p": previous(); break;
    case "ArrowDown": if (!ranged) { event.preventDefault(); step(1); } break;
    case "ArrowUp": if (!ranged) { event.preventDefault(); step(-1); } break;
    case "ArrowRight": if (!ranged && at >= 0) { event.preventDefault(); audio.currentTime += 5; } break;
    case "ArrowLeft": if (!ranged && at >= 0) { event.preventDefault(); audio.currentTime -= 5; } break;
  }
});
// Firefox presses a focused button when space is let go.
document.addEventListener("keyup", (event) => { if (event.key === " " && event.target.closest(".track")) event.preventDefault(); });
