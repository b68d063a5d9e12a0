package alarm

// Faults are why a sensor gives no value, by the numbers of protocol.SensorFault.
var Faults = map[uint8]Text{
	1: {"sensor missing", "センサー応答なし"},
	2: {"checksum wrong", "チェックサム異常"},
	3: {"no conversion", "変換未完了"},
	4: {"out of measuring range", "測定範囲外"},
	5: {"open circuit", "断線"},
	6: {"short circuit", "短絡"},
	7: {"value stuck", "値が固着"},
	8: {"value too noisy", "ノイズ過大"},
	9: {"sensor silent", "センサー無応答（バス停止）"},
}

// UnknownFault is that of a device that is newer than this hub.
var UnknownFault = Text{"unknown fault", "不明な異常"}

// Fault tells a sensor's fault.
func Fault(number uint8) Text {
	if t, ok := Faults[number]; ok {
		return t
	}
	return UnknownFault
}
