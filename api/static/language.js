"use strict";
// Before the page is drawn: the language of the address, of the last visit, or of the server.
(function () {
  const root = document.documentElement;
  const asked = /[?&]lang=(zh|en)\b/.exec(location.search);
  let language = asked && asked[1];
  try { language = language || localStorage.getItem("yiwang-lang"); } catch { /* storage is switched off */ }
  language = language === "zh" || language === "en" ? language : root.dataset.defaultLang || "zh";
  root.dataset.lang = language;
  root.lang = language === "en" ? "en" : "zh-CN";
})();
