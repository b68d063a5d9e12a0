package label

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strings"

	"meguri/internal/gs1"
)

//go:embed cards.csv
var cardsCSV string

// Cards are all cards of a rental warehouse's menu, in Japanese and English: steps, answers, damages and where they are, reasons, what is
// found in bags, and the digits of PINs. Steps that nobody scans (sold, delivered) have none.
func Cards() ([]Label, error) {
	rows, err := csv.NewReader(strings.NewReader(cardsCSV)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("cards: %w", err)
	}
	var cards []Label
	for _, row := range rows[1:] {
		card, err := New(Card, "("+string(gs1.Menu)+")"+row[0], row[1], row[2])
		if err != nil {
			return nil, fmt.Errorf("cards: %s: %w", row[0], err)
		}
		cards = append(cards, card)
	}
	return cards, nil
}
