package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"meguri/firmware-sim/hubclient"
)

// someone is who stands behind a pseudonym in a demo: nobody, for all of it is invented. Telephone numbers begin with 0900 and e-mail
// addresses end with example.net, which are given to nobody.
type someone struct{ name, phone, email, postcode, address, language string }

var (
	inventedSurnames = strings.Fields("天沢 碇谷 宇津木 江波 小田桐 鏑木 霧島 葛西 月見里 小鳥遊 鷺沼 獅子堂 澄川 瀬名 反町 竜胆 茅ヶ原 綴木 手塚山 東雲")
	inventedGiven    = strings.Fields("朔太 一花 詩織 永遠 織江 佳乃子 桔平 胡桃 佐和子 志乃 清四郎 瀬良 奏一 多恵子 千景 月乃 十和子 菜津 虎太朗 音々")
	inventedLast     = strings.Fields("Abernale Birchwick Cromble Dunmarsh Eastlow Farthingale Greywold Holmbury Inskell Jessop")
	inventedFirst    = strings.Fields("Amabel Bertrand Cosima Drusilla Evander Florian Gwendolen Horatia Isolde Jolyon")
)

// invented is the i-th of the invented persons, always the same one; names are given again after 400.
func invented(i int) someone {
	s := someone{
		phone: fmt.Sprintf("0900%07d", (i*7919+1_234_567)%10_000_000), email: fmt.Sprintf("invented.person.%04d@example.net", i+1),
		postcode: fmt.Sprintf("%03d-%04d", 100+i%900, (i*6101)%10_000), address: fmt.Sprintf("架空県幻市夢見町%d-%d-%d号室", i%30+1, i%17+1, i+101), language: "ja",
		name: pick(inventedSurnames, i) + " " + pick(inventedGiven, i+i/len(inventedSurnames)),
	}
	if i%5 == 4 {
		s.name, s.language = pick(inventedFirst, i/5+i/50)+" "+pick(inventedLast, i/5), "en"
	}
	return s
}

func pick(from []string, i int) string { return from[i%len(from)] }

// customersOf are the pseudonyms of those who ordered, each once, in order.
func customersOf(orders []hubclient.OrderRequest) (all []string) {
	for _, o := range orders {
		if o.CustomerID != "" {
			all = append(all, o.CustomerID)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// customersFile is what the operator of a demo has of the customers: the one place outside of the hub's register where they stand.
const customersFile = "customers.csv"

// enterCustomers invents who stands behind each pseudonym and enters it in the hub's register.
func (d *demoCommand) enterCustomers(ctx context.Context, ids []string) (err error) {
	path := filepath.Join(d.Data, customersFile)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	rows := [][]string{{"customer_id", "name", "phone", "email", "postcode", "address", "language"}}
	for i, id := range ids {
		s := invented(firstCustomer + i)
		rows = append(rows, []string{id, s.name, s.phone, s.email, s.postcode, s.address, s.language})
	}
	if err := errors.Join(w.WriteAll(rows), f.Close()); err != nil {
		return err
	}
	_, err = d.hubCommand(ctx, "customer", "import", path)
	return err
}

// firstCustomer is where customers begin among the invented; before them are those who work in the demo.
const firstCustomer = 100
