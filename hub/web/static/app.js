// Follows what happens: the hub sends the live parts of the page as HTML, and what differs is put in place. Without this
// script every page is complete; it is then as new as its last load.
(function () {
  "use strict";

  // patch makes old like fresh. Elements whose children all have ids are gone through child by child, so that what has not
  // changed stays as it is, with its focus and its place.
  function patch(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.id && keyed(old) && keyed(fresh) && old.tagName === fresh.tagName) {
      old.className = fresh.className;
      children(old, fresh);
      return;
    }
    replace(old, fresh);
  }

  function keyed(e) {
    return e.children.length > 0 && Array.prototype.every.call(e.children, function (c) { return c.id; });
  }

  function children(old, fresh) {
    var wanted = {};
    Array.prototype.slice.call(fresh.children).forEach(function (f, i) {
      wanted[f.id] = true;
      var mine = document.getElementById(f.id);
      if (!mine || mine.parentNode !== old) {
        f.classList.add("fresh-in");
        old.insertBefore(f, old.children[i] || null);
        return;
      }
      if (old.children[i] !== mine) old.insertBefore(mine, old.children[i] || null);
      patch(mine, f);
    });
    Array.prototype.slice.call(old.children).forEach(function (o) { if (!wanted[o.id]) o.remove(); });
  }

  function replace(old, fresh) {
    var focus = document.activeElement, href = focus && old.contains(focus) ? focus.getAttribute("href") : null;
    old.replaceWith(fresh);
    if (href === null) return;
    Array.prototype.some.call(fresh.querySelectorAll("a[href]"), function (a) {
      if (a.getAttribute("href") !== href) return false;
      a.focus({ preventScroll: true });
      return true;
    });
  }

  function update(html) {
    var t = document.createElement("template");
    t.innerHTML = html;
    Array.prototype.slice.call(t.content.children).forEach(function (fresh) {
      var old = fresh.id && document.getElementById(fresh.id);
      if (old) patch(old, fresh);
    });
    document.dispatchEvent(new CustomEvent("meguri:live"));
  }

  function follow(address) {
    var state = document.getElementById("live-state");
    function show(on) {
      if (!state) return;
      state.className = "live " + (on ? "on" : "off");
      state.textContent = on ? state.dataset.yes : state.dataset.no;
    }
    if (!window.EventSource) return show(false);
    var source, closed;
    function open() {
      source = new EventSource(address);
      source.addEventListener("page", function (e) { show(true); update(e.data); });
      source.addEventListener("bye", function () { source.close(); location.reload(); });
      source.onerror = function () {
        show(false);
        if (source.readyState === 2 && !closed) setTimeout(open, 10000); // refused: the hub has no stream to spare, or is down
      };
    }
    window.addEventListener("pagehide", function () { closed = true; source.close(); });
    open();
  }

  document.addEventListener("click", function (e) {
    if (e.target.closest && e.target.closest("[data-print]")) window.print();
  });
  if (document.body.dataset.live) follow(document.body.dataset.live);
})();
