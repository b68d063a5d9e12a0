package web

// entryMessages are the texts of passkeys and of the company's login.
var entryMessages = map[string]message{
	"login.passkey":      {"Sign in with a passkey", "パスキーでサインイン"},
	"login.passkey.not":  {"This passkey was not taken. It may have been removed, or the page was open for too long: try again.", "このパスキーは使えませんでした。削除されたか、時間が経ちすぎた可能性があります。もう一度お試しください。"},
	"login.passkey.copy": {"This passkey was refused: it looks like a copy. Sign in another way and remove it.", "このパスキーは複製の疑いがあるため拒否されました。別の方法でサインインし、削除してください。"},
	"login.or":           {"or", "または"},

	"company.button":  {"Sign in with %s", "%sでサインイン"},
	"company.again":   {"To sign or to change how you sign in, sign in anew with %s.", "署名やサインイン方法の変更には、%sでもう一度サインインしてください。"},
	"company.down":    {"The company's login does not answer. Try again in a moment, or sign in another way.", "社内ログインが応答しません。少し待ってやり直すか、別の方法でサインインしてください。"},
	"company.refused": {"The company's login did not let you in.", "社内ログインで認証できませんでした。"},
	"company.state":   {"This sign-in did not begin in this browser, or took too long. Begin again.", "このサインインは別のブラウザーで始められたか、時間切れです。最初からやり直してください。"},
	"company.group":   {"None of your groups has a role here. Ask whoever looks after the groups.", "所属グループに役割が割り当てられていません。グループの管理者に依頼してください。"},
	"company.only":    {"You come in by your company's login only: sign in there.", "会社のログインからのみ入れます。会社のログインでサインインしてください。"},
	"company.removed": {"You were removed here. Ask an administrator of the hub.", "このハブから削除されています。管理者に問い合わせてください。"},
	"company.place":   {"Your group's role is not set up rightly: want %s.", "グループの役割の設定に誤りがあります：%s"},

	"means.company login": {"company login", "社内ログイン"},

	"passkey.failed": {"The browser gave no passkey. Try again, or choose another way.", "パスキーを取得できませんでした。もう一度試すか、別の方法をお選びください。"},
	"passkey.none":   {"This browser takes no passkeys here. Use another way, or another browser.", "このブラウザーではパスキーを使えません。別の方法か別のブラウザーをご利用ください。"},
	"passkey.only":   {"Passkeys work at %s only.", "パスキーは %s でのみ使えます。"},
	"passkey.off":    {"Passkeys are off: whoever runs the hub turns them on by saying at which address people reach it (--public-address).", "パスキーは無効です。ハブの運用者が公開アドレス（--public-address）を設定すると使えます。"},

	"account.ends":           {"A session ends when nobody uses it for %s, and %s after it began in any case.", "%s使わないと終了し、使っていても開始から%sで終了します。"},
	"account.others":         {"End all others", "ほかをすべて終了"},
	"account.passkeys":       {"Passkeys", "パスキー"},
	"account.passkeys.what":  {"A passkey on your telephone, computer or security key signs you in by fingerprint, face or PIN, and counts for both factors.", "スマートフォン、パソコン、セキュリティキーの指紋・顔・PINでサインインできます。二段階認証を兼ねます。"},
	"account.passkeys.none":  {"You have none yet.", "まだありません。"},
	"account.passkey.add":    {"Add a passkey", "パスキーを追加"},
	"account.passkey.name":   {"Its name", "名前"},
	"account.passkey.since":  {"since %s", "%s から"},
	"account.passkey.used":   {"last used %s", "最終利用 %s"},
	"account.passkey.rename": {"Rename", "名前を変更"},
	"account.passkey.remove": {"Remove", "削除"},
	"account.passkey.use":    {"Use a passkey", "パスキーを使う"},
	"account.passkey.owes":   {"One more step: your passkey", "もう一段階：パスキー"},
	"account.err.passkey":    {"A passkey has a name of 1 to 60 characters, and one person has at most %d.", "パスキーの名前は1〜60文字、1人 %d 個までです。"},
	"account.err.last":       {"This passkey is all that lets you in. Set a password or add another passkey first.", "このパスキーが唯一のサインイン手段です。先にパスワードか別のパスキーを設定してください。"},
	"account.recovery.left":  {"Recovery codes left: %d.", "リカバリーコード残り：%d 個。"},
}
