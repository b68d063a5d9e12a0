// Passkeys. A form with data-passkey says where to ask what the browser is to do; when the browser has an answer, it is put into the field
// that data-answer names, and the form is sent. Without this script, and in browsers that know no passkeys, such forms stay hidden.
(function () {
  "use strict";
  var P = window.PublicKeyCredential;
  var can = P && P.parseCreationOptionsFromJSON && P.parseRequestOptionsFromJSON && P.prototype.toJSON;

  function answer(form) {
    return fetch(form.dataset.passkey, { credentials: "same-origin", headers: { Accept: "application/json" } }).then(function (r) {
      if (!r.ok) throw new Error("refused: " + r.status);
      return r.json();
    }).then(function (options) {
      if (form.dataset.create) return navigator.credentials.create({ publicKey: P.parseCreationOptionsFromJSON(options) });
      return navigator.credentials.get({ publicKey: P.parseRequestOptionsFromJSON(options) });
    });
  }

  function ready(form) {
    var failed = form.querySelector("[data-failed]"), button = form.querySelector("button");
    form.hidden = false;
    form.addEventListener("submit", function (e) {
      e.preventDefault();
      failed.hidden = true;
      button.disabled = true;
      answer(form).then(function (credential) {
        form.elements[form.dataset.answer].value = JSON.stringify(credential);
        form.submit();
      }).catch(function () { // said no, waited too long, or has none: the browser does not tell which
        failed.hidden = false;
        button.disabled = false;
      });
    });
  }

  Array.prototype.forEach.call(document.querySelectorAll("form[data-passkey]"), function (form) {
    if (can) ready(form);
  });
  Array.prototype.forEach.call(document.querySelectorAll("[data-no-passkey]"), function (e) { e.hidden = Boolean(can); });
})();
