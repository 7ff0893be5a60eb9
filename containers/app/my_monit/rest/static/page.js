// The sign-in page. The token is in this script and in the page, in no cookie and in no storage of the browser's.
"use strict";

const RIGHTS = {
  ADMIN: "You manage users, experiments, who may see which, and measure types. You read no measurements.",
  SCIENTIST: "You read the measurements of these experiments, and of no others:",
  AUDITOR: "You see who did what, and nothing else.",
};
const NOBODY_YET = "No experiment is associated with you yet: ask an admin.";
const REFUSED_THERE = "Your identity provider did not sign you in.";
const OTHER_TOKEN = "This does not look like a token.";
const UNREACHABLE = "MyMONIT cannot be reached just now. Try again soon.";
const STILL_THERE = "You are signed out here. On a computer that others use, sign out at your identity provider, too.";
const SIGNED_OUT = "You are signed out.";
const SHOWN_EXPERIMENTS = 100;
const TICK_MILLISECONDS = 10000;

const element = (id) => document.getElementById(id);
let way = null;
let token = "";
let clock = 0;

class Refused extends Error {}

// The answer's JSON; Refused with words for people when there is none.
async function ask(path, options) {
  let answer, content;
  try {
    answer = await fetch(path, {cache: "no-store", credentials: "same-origin", redirect: "error", ...options});
    content = await answer.json();
  } catch {
    throw new Refused(UNREACHABLE);
  }
  if (answer.status === 429) throw new Refused(`Too many attempts. Wait ${answer.headers.get("Retry-After")} seconds.`);
  if (!answer.ok) throw new Refused(sentence(content.detail || content.title || UNREACHABLE));
  return content;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (text.endsWith(".") ? "" : ".");

const post = (path, body) =>
  ask(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});

const read = (path, bearer) => ask(path, {headers: {Authorization: `Bearer ${bearer}`}});

function tell(text, {calm = false} = {}) {
  const message = element("message");
  message.hidden = !text;
  message.classList.toggle("calm", calm);
  message.textContent = text;
}

function showSignIn() {
  const shown = way.way ? `${way.way}-way` : way.provider === "local" ? "local-way" : "no-way";
  for (const id of ["password-way", "code-way", "local-way", "no-way"]) element(id).hidden = id !== shown;
  element("token-way").open = !way.way;
  element("session").hidden = true;
  element("sign-in").hidden = false;
  document.title = "MyMONIT: sign in";
}

// Whose token it is, and what that one may see, as the API tells it to everybody with a token.
async function open(given) {
  const user = await read("/users/me", given);
  const experiments = user.role === "AUDITOR" ? [] : await read(`/experiments/?limit=${SHOWN_EXPERIMENTS}`, given);
  token = given;
  showUser(user, experiments);
  element("token").value = token;
  element("copied").textContent = "";
  showExpiry();
  clock = setInterval(showExpiry, TICK_MILLISECONDS);
  tell("");
  element("sign-in").hidden = true;
  element("session").hidden = false;
  document.title = "MyMONIT: signed in";
  element("name").focus();
}

function showUser(user, experiments) {
  element("name").textContent = user.name;
  element("user-id").textContent = user.user_id;
  element("role").textContent = user.role;
  element("mail").textContent = user.email;
  const none = user.role === "SCIENTIST" && experiments.length === 0;
  element("rights").textContent = none ? NOBODY_YET : RIGHTS[user.role];
  element("experiments").replaceChildren(...experiments.map((one) => line(one, user.role)));
  element("more").hidden = experiments.length < SHOWN_EXPERIMENTS;
}

function line(experiment, role) {
  const name = document.createElement("span");
  const path = document.createElement("code");
  name.textContent = experiment.name;
  path.textContent = `/${role === "SCIENTIST" ? "measures" : "experiments"}/${experiment.experiment_id}`;
  const item = document.createElement("li");
  item.append(name, path);
  return item;
}

// Seconds since 1970, or nothing where a token does not tell. It is not verified here: only shown.
function expires(given) {
  try {
    const claims = given.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const {exp} = JSON.parse(atob(claims));
    return Number.isFinite(exp) ? exp : null;
  } catch {
    return null;
  }
}

function showExpiry() {
  const end = expires(token);
  element("expiry").textContent = end === null ? "" : remaining(end);
}

function remaining(end) {
  const minutes = Math.floor((end * 1000 - Date.now()) / 60000);
  if (minutes < 0) return "It has expired: sign out and in again.";
  const time = new Date(end * 1000).toLocaleString();
  if (minutes < 1) return `Expires at ${time}, in less than a minute.`;
  const hours = Math.floor(minutes / 60);
  return `Expires at ${time}, in ${hours ? `${hours} h ` : ""}${minutes % 60} min.`;
}

function forget() {
  clearInterval(clock);
  token = "";
  for (const id of ["token", "given", "password"]) element(id).value = "";
  for (const id of ["name", "user-id", "role", "mail", "rights", "expiry", "copied"]) element(id).textContent = "";
  element("experiments").replaceChildren();
}

async function copy() {
  element("token").select();
  try {
    await navigator.clipboard.writeText(token);
    element("copied").textContent = "Copied.";
  } catch {
    element("copied").textContent = "It is selected: copy it with the keyboard.";
  }
}

function signOut() {
  forget();
  showSignIn();
  tell(way.way === "code" ? STILL_THERE : SIGNED_OUT, {calm: true});
  element("sign-in-title").focus();
}

// While something is under way, what began it cannot begin it again.
async function attempt(deed, button = null) {
  tell("");
  if (button) button.disabled = true;
  try {
    await deed();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell(error.message);
  } finally {
    if (button) button.disabled = false;
  }
}

const DEEDS = {
  "password-way": async () => {
    const body = {email: element("email").value, password: element("password").value};
    element("password").value = "";
    await open((await post("/sign-in/password", body)).token);
  },
  "code-way": async () => location.assign((await post("/sign-in/begin", {})).location),
  "token-form": async () => {
    const given = element("given").value.replace(/^\s*bearer\s+/i, "").trim();
    if (!/^[\w.~+/=-]+$/.test(given)) throw new Refused(OTHER_TOKEN);
    await open(given);
    element("given").value = "";
  },
};

async function comeBack(query) {
  if (!query.get("code") || !query.get("state")) throw new Refused(REFUSED_THERE);
  await open((await post("/sign-in/finish", {code: query.get("code"), state: query.get("state")})).token);
}

async function start() {
  const query = new URLSearchParams(location.search);
  // What an issuer sent back leaves the address, and so the history, before anything else.
  history.replaceState(null, "", location.pathname);
  way = await ask("/sign-in/way");
  showSignIn();
  if (query.has("code") || query.has("error")) await comeBack(query);
}

for (const [id, deed] of Object.entries(DEEDS)) {
  element(id).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(deed, event.target.querySelector("button"));
  });
}
element("copy").addEventListener("click", copy);
element("sign-out").addEventListener("click", signOut);
attempt(start);
