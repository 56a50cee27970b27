// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {QUIVToken} from "../src/QUIVToken.sol";
import {QUIVerSettlement} from "../src/QUIVerSettlement.sol";
import {ICollectable} from "../src/libraries/ICollectable.sol";
import {Receipt} from "../src/libraries/ReceiptHash.sol";
import {SettlementSetup} from "./support/SettlementSetup.sol";
import {vm} from "./support/Vm.sol";

/// @dev Pays the amount that is asked for, as the channels do for vouchers, which have their own invariants.
contract Purse is ICollectable {
    IERC20 public immutable token;

    constructor(IERC20 token_) {
        token = token_;
    }

    function collect(address, address[] calldata, bytes[] calldata items) external returns (uint256 amount) {
        amount = abi.decode(items[0], (uint256));
        token.transfer(msg.sender, amount);
    }
}

/// @dev Three aggregators, honest and not, their providers, a guardian, an admin and a reporter, at random.
contract SettlementHandler is SettlementSetup {
    struct Tree {
        address aggregator;
        bytes32 root;
        bytes32[] leaves;
        uint256[] amounts;
        bool disabled;
    }

    uint256 private constant PROVIDERS = 3;
    address[3] private names = [address(0xA1), address(0xA2), address(0xA3)];
    Tree[] private trees;
    mapping(address aggregator => mapping(uint32 epoch => uint256)) private treeOf;
    mapping(address aggregator => mapping(uint32 epoch => Receipt)) private lies;

    mapping(address aggregator => uint256) public collected;
    mapping(address aggregator => uint256) public bonded;
    mapping(address aggregator => uint256) public lastTotal;
    mapping(address aggregator => uint256) public lastPaid;
    mapping(address aggregator => uint256) public lastEpoch;
    mapping(address aggregator => mapping(address provider => uint256)) public lastClaimed;
    bool public wentBack;
    bool public deadRootPaid;
    bool public paidBesideTheLedger;

    constructor(QUIVToken token_, AccessManager manager_, QUIVerSettlement settlement_) {
        (token, manager, settlement) = (token_, manager_, settlement_);
        trees.push();
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(names[i]);
            token.approve(address(settlement), type(uint256).max);
        }
    }

    function setUp() public override {}

    function aggregators() external view returns (address[3] memory) {
        return names;
    }

    function providerAt(uint256 i) public pure returns (address) {
        return address(uint160(0x7000 + i));
    }

    function ledger(address account) private view returns (QUIVerSettlement.LedgerView memory) {
        return settlement.ledgerOf(account);
    }

    /// @dev Compares every ledger with how it was seen last.
    modifier watched() {
        _;
        for (uint256 i = 0; i < 3; ++i) {
            address name = names[i];
            QUIVerSettlement.LedgerView memory it = ledger(name);
            if (it.total < lastTotal[name] || it.paid < lastPaid[name] || it.epoch < lastEpoch[name]) wentBack = true;
            (lastTotal[name], lastPaid[name], lastEpoch[name]) = (it.total, it.paid, it.epoch);
            for (uint256 p = 0; p < PROVIDERS; ++p) {
                uint256 now_ = settlement.claimed(name, providerAt(p));
                if (now_ < lastClaimed[name][providerAt(p)]) wentBack = true;
                lastClaimed[name][providerAt(p)] = now_;
            }
        }
    }

    function bond(uint256 seed, uint96 amount) public watched {
        address name = names[seed % 3];
        amount = uint96(between(amount, 1, 2 * MINIMUM_BOND));
        if (amount > token.balanceOf(name)) return;
        vm.prank(name);
        settlement.bond(amount);
        bonded[name] += amount;
    }

    function collect(uint256 seed, uint96 amount) public watched {
        address name = names[seed % 3];
        amount = uint96(between(amount, 1, 100 * QUIV));
        bytes[] memory items = new bytes[](1);
        items[0] = abi.encode(amount);
        vm.prank(name);
        try settlement.collect(new address[](1), items) {
            collected[name] += amount;
        } catch {}
    }

    /// @dev One in four trees promises more than its total; one in two holds a receipt that nobody signed.
    function submitBatch(uint256 seed, uint96 amount) public watched {
        address name = names[seed % 3];
        QUIVerSettlement.LedgerView memory it = ledger(name);
        if (it.credit == 0 || it.activeAt != 0) return;
        uint256 total = it.total + between(amount, 1, it.credit);
        uint256 promised = seed & 0xc0 == 0 ? 3 * total : total;
        uint256 index = trees.length;
        Tree storage tree = trees.push();
        tree.aggregator = name;
        for (uint256 p = 0; p < PROVIDERS; ++p) {
            uint256 before = settlement.claimed(name, providerAt(p));
            uint256 share = p + 1 < PROVIDERS ? between(seed >> (8 * p), before, before + promised / 3) : promised;
            tree.amounts.push(share);
            tree.leaves.push(settlement.payoutLeaf(providerAt(p), share));
        }
        tree.leaves.push(settlement.payoutLeaf(address(uint160(0x8000 + index)), 0)); // no two trees are equal
        tree.root = rootOf(tree.leaves);
        Receipt memory lie = receiptOf(address(0xBAD), bytes32(index), 1);
        bytes32 receiptsRoot = seed & 0x100 == 0
            ? settlement.receiptLeaf(0, settlement.receiptDigest(lie), "")
            : keccak256(abi.encode(index));
        vm.prank(name);
        try settlement.submitBatch(
            QUIVerSettlement.Batch(tree.root, receiptsRoot, uint96(total), 1, it.epoch + 1)
        ) {
            treeOf[name][it.epoch + 1] = index;
            lies[name][it.epoch + 1] = lie;
        } catch {}
    }

    /// @dev What an aggregator does all day; at random it would hardly ever come so far.
    function settle(uint256 seed, uint96 amount) external {
        if (ledger(names[seed % 3]).bond < MINIMUM_BOND) bond(seed, uint96(MINIMUM_BOND - 1));
        collect(seed, amount);
        submitBatch(seed, amount);
        vm.warp(block.timestamp + ACTIVATION_DELAY);
        for (uint256 p = 0; p < PROVIDERS; ++p) claimLatest(seed, p);
    }

    function wait(uint256 seconds_) external watched {
        vm.warp(block.timestamp + between(seconds_, 1, 2 * ACTIVATION_DELAY));
    }

    function disableRoot(uint256 seed) external watched {
        address name = names[seed % 3];
        uint32 epoch = ledger(name).epoch;
        try settlement.disableRoot(name, epoch) {
            trees[treeOf[name][epoch]].disabled = true;
        } catch {}
    }

    /// @dev With any tree there ever was: only the live one may pay.
    function claim(uint256 seed, uint256 which) external watched {
        if (trees.length == 1) return;
        Tree storage tree = trees[between(which, 1, trees.length - 1)];
        pay(tree, seed % PROVIDERS);
    }

    function claimLatest(uint256 seed, uint256 leaf) public watched {
        address name = names[seed % 3];
        for (uint32 epoch = ledger(name).epoch; epoch > 0; --epoch) {
            Tree storage tree = trees[treeOf[name][epoch]];
            if (tree.root == ledger(name).liveRoot) return pay(tree, leaf % PROVIDERS);
        }
    }

    function pay(Tree storage tree, uint256 leaf) private {
        (address name, address to) = (tree.aggregator, providerAt(leaf));
        bytes32[] memory proof = proofOf(tree.leaves, leaf);
        (uint256 before, uint256 left) = (token.balanceOf(to), ledger(name).total - ledger(name).paid);
        bytes32 live = ledger(name).liveRoot;
        try settlement.claimCumulative(name, to, tree.amounts[leaf], proof) {
            if (tree.disabled || tree.root != live) deadRootPaid = true;
            if (token.balanceOf(to) - before > left) paidBesideTheLedger = true;
        } catch {}
    }

    function prove(uint256 seed, uint32 epoch) external watched {
        address name = names[seed % 3];
        QUIVerSettlement.LedgerView memory it = ledger(name);
        if (it.epoch == 0) return;
        epoch = uint32(between(epoch, 1, it.epoch));
        QUIVerSettlement.Evidence memory evidence =
            QUIVerSettlement.Evidence(epoch, 0, lies[name][epoch], "", new bytes32[](0));
        bool waits = it.activeAt != 0;
        vm.prank(address(0x4E9));
        try settlement.proveBadSignature(name, evidence) {
            bonded[name] = 0;
            if (waits) trees[treeOf[name][it.epoch]].disabled = true;
        } catch {}
    }

    function requestExit(uint256 seed) external watched {
        vm.prank(names[seed % 3]);
        try settlement.requestExit() {} catch {}
    }

    function cancelExit(uint256 seed) external watched {
        vm.prank(names[seed % 3]);
        try settlement.cancelExit() {} catch {}
    }

    function withdrawBond(uint256 seed, bool late) external watched {
        address name = names[seed % 3];
        if (late && ledger(name).exitAt != 0) vm.warp(block.timestamp + 7 days);
        vm.prank(name);
        try settlement.withdrawBond() {
            bonded[name] = 0;
        } catch {}
    }

    function reassignCredit(uint256 seed) external watched {
        (address from, address to) = (names[seed % 3], names[(seed >> 8) % 3]);
        uint256 amount = ledger(from).credit;
        try settlement.reassignCredit(from, to) {
            if (from == to) return;
            collected[from] -= amount;
            collected[to] += amount;
        } catch {}
    }
}

contract SettlementInvariants is SettlementSetup {
    SettlementHandler private handler;

    function setUp() public override {
        vm.warp(START);
        token = new QUIVToken(address(this));
        manager = new AccessManager(address(this));
        Purse purse = new Purse(token);
        settlement = new QUIVerSettlement(token, purse, address(manager), MINIMUM_BOND, ACTIVATION_DELAY);
        handler = new SettlementHandler(token, manager, settlement);
        manager.grantRole(manager.ADMIN_ROLE(), address(handler), 0);
        token.transfer(address(purse), 10_000_000 * QUIV);
        for (uint256 i = 0; i < 3; ++i) token.transfer(handler.aggregators()[i], 1_000_000 * QUIV);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_the_contract_holds_what_it_owes() public view {
        uint256 owed;
        for (uint256 i = 0; i < 3; ++i) {
            QUIVerSettlement.LedgerView memory it = settlement.ledgerOf(handler.aggregators()[i]);
            owed += uint256(it.total) - it.paid + it.waiting + it.credit + it.bond;
        }
        eq(token.balanceOf(address(settlement)), owed, "balance and what is owed");
    }

    function invariant_claims_are_within_what_was_submitted() public view {
        for (uint256 i = 0; i < 3; ++i) {
            QUIVerSettlement.LedgerView memory it = settlement.ledgerOf(handler.aggregators()[i]);
            isTrue(it.paid <= it.total, "paid within the total");
        }
        isTrue(!handler.paidBesideTheLedger(), "a claim took what another ledger has");
    }

    function invariant_a_ledger_has_what_it_collected() public view {
        for (uint256 i = 0; i < 3; ++i) {
            address name = handler.aggregators()[i];
            QUIVerSettlement.LedgerView memory it = settlement.ledgerOf(name);
            eq(uint256(it.total) + it.waiting + it.credit, handler.collected(name), "collected");
            eq(it.bond, handler.bonded(name), "bond");
        }
    }

    function invariant_what_providers_were_paid_adds_up() public view {
        uint256 all;
        for (uint256 i = 0; i < 3; ++i) {
            address name = handler.aggregators()[i];
            uint256 sum;
            for (uint256 p = 0; p < 3; ++p) sum += settlement.claimed(name, handler.providerAt(p));
            eq(sum, settlement.ledgerOf(name).paid, "claimed and paid");
            all += sum;
        }
        uint256 got;
        for (uint256 p = 0; p < 3; ++p) got += token.balanceOf(handler.providerAt(p));
        eq(got, all, "providers have it");
    }

    function invariant_totals_epochs_and_claims_never_fall() public view {
        isTrue(!handler.wentBack(), "something fell");
    }

    function invariant_a_root_that_is_not_live_pays_nothing() public view {
        isTrue(!handler.deadRootPaid(), "a dead root paid");
    }
}
